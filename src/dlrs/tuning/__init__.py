"""Every model's settings, chosen on the validation period alone, by as many trials for each."""
