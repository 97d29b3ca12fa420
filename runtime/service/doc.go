// Package service is the ground between the gateway and the machine it runs on: it tells the service
// manager how far the process has got, raises the limit on open files, keeps the PID file, prepares the
// state directory, and gives up root for good once everything that needs root is open.
//
// The order a caller keeps is: raise the limit, prepare the state directory, bind and open everything,
// write the PID file, drop privileges, and only then say that the service is ready.
//
// What exists on Linux alone (capabilities, no_new_privs, fs.nr_open) lives in files with a build tag;
// the other Unix systems get the portable subset of the same calls.
package service
