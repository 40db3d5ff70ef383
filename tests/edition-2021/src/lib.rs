//! A caller of the 2021 edition: see `tests`.
