import { testOn } from './run-on.ts'

testOn('2.10')
