// Package messages is the vocabulary of the actors: plain typed values, one
// file and one sealed interface per mailbox, named for the receiver. Requests
// are imperative (PickBackend), facts are in the past tense (BackendPicked).
// Nothing here behaves; bulk bytes never pass through a message.
package messages
