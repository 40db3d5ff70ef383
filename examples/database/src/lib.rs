//! The examples that hold a database.
