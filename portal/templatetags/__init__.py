"""What templates may say: charts, icons, Markdown, numbers, languages."""
