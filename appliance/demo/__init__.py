"""What lets one try the appliance without a house: a private broker and a simulated kitchen."""
