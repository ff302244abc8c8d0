"""One file a kind of object; each offers what `base.Kind` lists, in that order."""
