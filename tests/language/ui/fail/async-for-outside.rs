async fn f() {
    #[async_for]
    for _ in futures::stream::empty::<u32>() {}
}

fn main() {}
