"""What permits listens to: nothing.

A building application needs no fact of another department, and registration's topics are not meant for the building
authority (`deploy/topics.yaml`).
"""
