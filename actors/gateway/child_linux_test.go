package gateway

// childVariable makes the test binary play a gateway of its own.
const childVariable = "SLUICE_GATEWAY_CHILD"

func playChild(string) int { return 2 }
