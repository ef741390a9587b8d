"""``python -m fakeorreal`` is the command ``fakeorreal``."""

import sys

from fakeorreal.cli import main

sys.exit(main())
