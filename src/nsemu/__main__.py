"""`python -m nsemu` is the `nsemu` command."""

import sys

from nsemu.app.main import main

sys.exit(main())
