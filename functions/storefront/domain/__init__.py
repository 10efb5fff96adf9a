"""Rules of the pages: carts, sessions, addresses that one may be sent back to. No I/O."""
