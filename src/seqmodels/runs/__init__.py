"""One run: built of config, trained, tested, resumed, evaluated; the only room that makes objects of config."""
