"""One module or package a provider; its name is the part of `uses:` before the dot."""
