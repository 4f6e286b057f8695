export { Forensics } from './forensics.tsx'
