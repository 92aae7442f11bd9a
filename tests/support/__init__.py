"""What tests of several kinds use: no tests are here."""
