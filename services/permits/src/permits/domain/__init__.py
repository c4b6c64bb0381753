"""The rules of the building authority (Bauaufsicht): pure, on values that they are given."""
