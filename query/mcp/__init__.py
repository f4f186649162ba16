"""Freshline as MCP tools: the REST API, for models. How to connect: docs/mcp.md."""
