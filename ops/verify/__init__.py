"""`ops verify`: prove that a deployment works, or say what is wrong with it."""
