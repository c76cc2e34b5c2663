import { expect, it } from 'vitest'
import { topicsOf } from '../../../shared/mqtt/topics.ts'

it('topics of a box lie below its site and its name', () => {
  const topics = topicsOf('VK-1', 'home')
  expect(topics.state).toBe('voltkeep/home/VK-1/state')
  expect(topics.ack('override')).toBe('voltkeep/home/VK-1/cmd/override/ack')
})

it('a name cannot reach into other topics', () => {
  expect(topicsOf('a/b+c#', '#').command('override')).toBe('voltkeep/_/a_b_c_/cmd/override')
})
