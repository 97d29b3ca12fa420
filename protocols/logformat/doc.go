// Package logformat is the grammar of LogFormat and ExtendedLog: which commands a log wants, and how the
// line of one looks.
//
// A format is compiled once and then expanded from Record values, without allocating. The rules that hold
// for every variable:
//
//  1. A value that is missing is written as "-", so that columns stay where they are.
//  2. Nothing that came from outside ends a line, forges another one or drives a terminal: control
//     characters are escaped as \n, \r, \t or \xHH. A variable that stands between double quotes in the
//     format has its quotes and backslashes escaped too, as readers of such formats expect.
//  3. The argument of a command that may hold a password is "(hidden)" wherever it would appear, and is
//     taken out of the reply's text should a backend repeat it.
//
// The clock stays outside: times come as a Moment, broken down already.
package logformat
