"""`ops plan`: what the program asks for, without an account."""
