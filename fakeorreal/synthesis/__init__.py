"""How fakes are made: text-to-speech engines and copy synthesis."""
