fn main() {
    for seed in 0..2000 {
        println!(
            "{}",
            serde_json::to_string(&tests::fidelity::generate::generate(
                seed,
                tests::fidelity::generate::Feature::ALL
            ))
            .unwrap()
        );
    }
}
