"""Textured meshes: files to triangles, triangles to pictures, and the procedural objects."""
