"""python3 smtpd_discard.py PORT: Python's own smtpd (up to 3.11), dropping the message."""

import asyncore
import smtpd
import sys


class Discard(smtpd.SMTPServer):
    def process_message(self, peer, mailfrom, rcpttos, data, **options):
        return None


Discard(("127.0.0.1", int(sys.argv[1])), None).listen(511)  # its own backlog is 5: connections would wait for a second SYN
asyncore.loop(use_poll=True)
