package linesim

const maxMenuImage = 1 << 20
