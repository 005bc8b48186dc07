"""What reaches outside: model providers, programs, tools and files, each call behind a gate."""
