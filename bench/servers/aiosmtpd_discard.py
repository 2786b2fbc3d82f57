"""python3 aiosmtpd_discard.py PORT: aiosmtpd, and a handler that drops the message."""

import asyncio
import sys

from aiosmtpd.smtp import SMTP


class Discard:
    async def handle_DATA(self, server, session, envelope):
        return "250 OK"


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Discard(), hostname="localhost", loop=loop), "127.0.0.1", int(sys.argv[1]), backlog=511)
    await server.serve_forever()


asyncio.run(main())
