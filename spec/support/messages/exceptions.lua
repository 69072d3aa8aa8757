--- Texts of the command that no case has said, each with the reason.
return {
}
