//go:build race

package peers

// raceBuild tells that the tests run under the race detector; the gateway then does too.
const raceBuild = true
