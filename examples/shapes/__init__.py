"""A little world of moving shapes: what happens in it, how it looks, how people would say it.

Only the renderer, the seed labels and the simulated crowd know its truth; the captioner gets
pixels and people's words.
"""
