"""Who is to be told what, in which words, and when it counts as delivered. Pure rules."""
