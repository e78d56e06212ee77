"""The teacher that this project trains on meshes, small (Ours)."""
