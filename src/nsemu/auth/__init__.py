"""Authentication of users at the firewall: who is logged in, who may, and the dialogues in which they log in."""
