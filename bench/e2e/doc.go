// Package e2e tests the gateway from outside, as its clients and backends meet it: over sockets,
// with real servers behind it and real clients before it.
//
// Most cases run twice over each backend: "direct" (the client talks to the server itself, which
// proves that the case asks for nothing a server does not do) and "gateway" (the client talks to
// the gateway). Cases about the gateway's own doings run through it alone. While the module has
// no gateway to build, those skip; where the variable CI is set they fail instead.
//
// The files named tls_… are about FTPS, those named forward_… about forward proxying. Names that begin
// with TestClaimNN attack the promise of that number; TestSecureMatrix crosses every way of TLS in with
// every way out, and says which crossings it leaves out and why (leftOut).
//
// TestSeed runs the example configurations of mod_proxy's manual. testdata/seed holds them as they are
// printed; the rows of examples and sshExamples say what is changed of each, and why.
package e2e
