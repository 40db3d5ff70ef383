fn main() {
    asyncio::await_!(async {});
}
