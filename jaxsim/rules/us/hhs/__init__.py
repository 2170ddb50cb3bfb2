"""Department of Health and Human Services: the poverty guidelines (42 USC 9902(2))."""
