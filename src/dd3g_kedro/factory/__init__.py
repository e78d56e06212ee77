"""The heavy steps as they are run: on every device, the teacher made fast, files at hand."""
