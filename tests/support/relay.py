"""A relay of TCP connections on loopback, which a test can cut: what stands for a network between two programs."""

import asyncio
import contextlib
import threading

CHUNK = 1 << 16


class Relay:
    """From each port of `ways` to the port that it names. Runs on a thread of its own until closed."""

    def __init__(self, ways):
        self.ways, self.open = ways, set()
        self.loop = asyncio.new_event_loop()
        self.passes = asyncio.Event()
        self.passes.set()
        self.refuses = False
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.servers = [self.ask(asyncio.start_server(self.connected(there), "127.0.0.1", here))
                        for here, there in ways.items()]

    def ask(self, doing):
        return asyncio.run_coroutine_threadsafe(doing, self.loop).result(60)

    def connected(self, there):
        async def relay(reader, writer):
            if self.refuses:
                writer.transport.abort()
                return
            await self.passes.wait()
            try:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", there)
            except OSError:
                writer.transport.abort()
                return
            ends = (writer, far_writer)
            self.open.update(ends)
            await asyncio.gather(self.carry(reader, far_writer), self.carry(far_reader, writer))
            for end in ends:
                self.open.discard(end)
                end.transport.abort()

        return relay

    async def carry(self, reader, writer):
        with contextlib.suppress(OSError):
            while content := await reader.read(CHUNK):
                await self.passes.wait()
                writer.write(content)
                await writer.drain()
        writer.transport.abort()

    def silence(self):
        """Nothing passes, and nobody is told: a cable that is out."""
        self.loop.call_soon_threadsafe(self.passes.clear)

    def break_off(self):
        """Every connection is reset, and new ones are refused: a firewall's rule."""
        self.refuses = True
        self.loop.call_soon_threadsafe(lambda: [end.transport.abort() for end in list(self.open)])
        self.heal_silence()

    def heal_silence(self):
        self.loop.call_soon_threadsafe(self.passes.set)

    def heal(self):
        self.refuses = False
        self.heal_silence()

    def close(self):
        async def end():
            for server in self.servers:
                server.close()
            for one in list(self.open):
                one.transport.abort()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

        self.ask(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(60)
