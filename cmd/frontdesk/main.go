// Command frontdesk is the server for LINE bots, with a LINE simulator to try
// them and the commands to look after them.
//
// One file holds one command; root.go holds what they share. What a command
// does is done by the packages server and linesim: here are flags, words and
// exit codes.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
}
