package messages

import "net"

// ToDoors is what the actor understands that runs the listeners.
//
//sumtype:decl
type ToDoors interface{ toDoors() }

// OpenSocket is one listening socket with the address it was configured by.
type OpenSocket struct {
	Name   string
	Socket *net.TCPListener // nil: the one of that name that is open already
}

// HangDoors replaces the set of listeners. Those whose name stays go on
// undisturbed, others are closed. The doors own the sockets from then on.
type HangDoors struct {
	Sockets []OpenSocket
	Done    chan<- struct{} // capacity 1
}

func (HangDoors) toDoors() {}
