"""The annotators' pages: server-rendered, whole without JavaScript, better with it."""
