//! Code blocks of a Markdown text.

#[derive(Debug, PartialEq)]
pub struct Block {
    /// What stands behind the three backticks.
    pub info: String,
    pub text: String,
    /// Of the opening fence, from 1.
    pub line: usize,
}

pub fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for (number, line) in markdown.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(info) => {
                blocks.push(Block { info: info.trim().to_owned(), text: String::new(), line: number + 1 });
                open = true;
            }
            None if open => {
                let block = blocks.last_mut().expect("a fence opened one");
                block.text.push_str(line);
                block.text.push('\n');
            }
            None => {}
        }
    }
    blocks
}

/// The doc comments of a program as Markdown, every other line empty, so that lines keep their numbers.
pub fn doc_comments(program: &str) -> String {
    program
        .lines()
        .map(|line| line.trim_start().strip_prefix("///").map_or("", |text| text.strip_prefix(' ').unwrap_or(text)))
        .flat_map(|line| [line, "\n"])
        .collect()
}
