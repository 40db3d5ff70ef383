"""A future's life: pending, done; cancelling it then is no more."""

from paired import asyncio, log, run


async def main():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    log("pending", future.done(), future.cancelled())
    future.add_done_callback(lambda f: log("callback", f.result()))
    future.set_result(1)
    log("set", future.done(), future.cancel(), future.result())
    await asyncio.sleep(0)
    log("got", await future)
    other = loop.create_future()
    other.add_done_callback(lambda f: log("callback, cancelled", f.cancelled()))
    log("cancel", other.cancel(), other.cancel(), other.cancelled())
    await asyncio.sleep(0)
    log("end")


run(main())
