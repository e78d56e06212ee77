"""From one picture to an object on disk: preparation, G_theta, files and pictures."""
