"""{N, C, II, OI}: sampled from the teacher, stored in shards, served to the student."""
