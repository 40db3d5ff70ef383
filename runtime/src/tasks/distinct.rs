//! Rows of tasks in which each is to stand once.

use super::{TaskRef, flags};

/// The tasks without those that stand there a second time, in their order.
///
/// A bit of the task says that it was there already, so that nothing is hashed or allocated. `task` must
/// not panic.
pub(crate) fn distinct<W>(mut tasks: Vec<W>, task: impl Fn(&W) -> TaskRef) -> Vec<W> {
    tasks.retain(|each| {
        let task = task(each);
        let is_first = !task.flags().has(flags::IN_ROW);
        task.flags().set(flags::IN_ROW);
        is_first
    });
    for each in &tasks {
        task(each).flags().clear(flags::IN_ROW);
    }
    tasks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Task;

    #[test]
    fn each_stands_where_it_came_first_and_may_be_in_the_next_row() {
        crate::run(async {
            let tasks: Vec<Task<()>> = (0..5).map(|_| crate::create_task(async {})).collect();
            for row in [[0, 1, 0, 2, 1, 2, 3], [3, 3, 1, 3, 1, 4, 4]] {
                let all = row.iter().map(|task| tasks[*task].clone()).collect();
                let once = distinct(all, Task::erased);
                let mut expected = Vec::new();
                for task in row {
                    if !expected.contains(&tasks[task]) {
                        expected.push(tasks[task].clone());
                    }
                }
                assert_eq!(once, expected);
            }
        });
    }
}
