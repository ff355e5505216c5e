"""Files out: codecs, containers, tracks, images; nothing is final before it is whole."""
