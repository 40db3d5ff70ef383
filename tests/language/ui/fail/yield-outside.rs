fn main() {
    asyncio::yield_!(1);
}
