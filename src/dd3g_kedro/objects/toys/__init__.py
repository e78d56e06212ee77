"""Objects made by formulas: pictures to start with where no dataset is at hand.

Every family is a function of a random generator alone. Lengths are arbitrary (loading normalises
them), the frame is glTF's: y up, front +z, the object's left-hand side +x, the ground at y = 0.
"""
