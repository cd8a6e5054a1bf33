"""What a plugin can register: tools, prompts, resources and health checks, one file each."""
