package server

import "net/http"

const adminSocket = "admin.sock"

func (s *Server) adminHandler() http.Handler { return http.NewServeMux() }
